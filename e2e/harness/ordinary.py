"""An ordinary user of the machine, with a folder of its own and a copy of the binary that it may run."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.server import BINARY, Server, as_user

# Between the users of systemd's homes and those of its services: no account has these.
FIRST_UID = 60_600
UIDS = 400


class Ordinary:
    """Made by root it is another user; made by anybody else it is that one."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="lambkin-ordinary-", dir="/var/tmp"))
        self.uid = None
        if os.getuid() == 0:
            self.uid = FIRST_UID + os.getpid() % UIDS
            os.chown(self.folder, self.uid, self.uid)
        self.binary = self.folder / "lambkin"
        shutil.copy2(BINARY, self.binary)
        self.binary.chmod(0o755)

    def env(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "LAMBKIN_", "XDG_"))}
        return clean | {"HOME": str(self.folder)}

    def run(self, *arguments, before=(), env=None):
        """Runs the binary to its end; `before` is a program that runs it, as root where root runs the tests."""
        user = {} if before else as_user(self.uid)
        return subprocess.run([*before, self.binary, *arguments], cwd=self.folder, text=True, timeout=60,
                              capture_output=True, env=self.env() | (env or {}), **user)

    def server(self, *flags):
        return Server(self.folder, *flags, binary=self.binary, user=self.uid)

    def remove(self):
        shutil.rmtree(self.folder)
