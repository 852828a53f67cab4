"""The script that the engine starts in the sandbox of a Python function.

It only hands over: Python compiles a script at every start, and a module once.
"""

import os
import stat

from _lambkin_runtime import connect, main, main_of_clones, prepare

if __name__ == "__main__":
    prepare()
    # An environment has a log stream; what has none yet is loaded for those that will be its clones.
    if os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME") == "":
        main_of_clones()
    # Whoever starts one late gives it nothing to read.
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        from _lambkin_wait import wait

        api = wait(connect)
    else:
        api = connect()
    main(api)
