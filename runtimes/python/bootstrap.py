"""The script that the engine starts in the sandbox of a Python function.

It only hands over: Python compiles a script at every start, and a module once.
"""

from _lambkin_runtime import main

if __name__ == "__main__":
    main()
