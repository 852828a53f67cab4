"""The script that the engine starts in the sandbox of a Python function.

It only hands over: Python compiles a script at every start, and a module once.
"""

import sys

from _lambkin_runtime import connect, main, prepare

if __name__ == "__main__":
    prepare()
    api = connect()
    if sys.argv[1:] == ["wait"]:
        from _lambkin_wait import wait

        wait()
    main(api)
