"""An authority of the tests' own, and a certificate of it for the servers of their world."""

import subprocess

NAMES = "DNS:web.example,DNS:four.example,DNS:six.example,IP:203.0.113.10,IP:2001:db8::10"


class Authority:
    """`root` is what clients trust, `certificate` a server's key and certificate in one file."""

    def __init__(self, folder):
        self.folder = folder
        self.root, self.certificate = folder / "root.pem", folder / "server.pem"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30"]
        self._openssl("req", "-x509", *key, "-keyout", "root.key", "-out", "root.pem", "-subj", "/CN=tests",
                      "-addext", "keyUsage=critical,keyCertSign")
        self._openssl("req", "-x509", *key, "-keyout", "server.key", "-out", "server.crt", "-subj", "/CN=web.example",
                      "-CA", "root.pem", "-CAkey", "root.key", "-addext", f"subjectAltName={NAMES}",
                      "-addext", "basicConstraints=critical,CA:FALSE")
        self.certificate.write_text((folder / "server.key").read_text() + (folder / "server.crt").read_text())

    def _openssl(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)
