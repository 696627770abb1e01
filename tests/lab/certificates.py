"""Certificate authorities of a lab, and what they sign: servers, clients, valid or long expired."""

import itertools

from lab import command

CONFIGURATION = """
[ca]
default_ca = lab
[lab]
database = {folder}/index
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
policy = any
unique_subject = no
x509_extensions = none
copy_extensions = copy
[any]
commonName = supplied
organizationName = optional
[none]
"""

PAST = ("20200101000000Z", "20200102000000Z")
FUTURE = ("20490101000000Z", "20490102000000Z")
NOW = ("20200101000000Z", "20490102000000Z")


class Certificate:
    """A certificate and its key: files, and their text."""

    def __init__(self, file, key):
        self.file, self.key_file = file, key

    @property
    def text(self):
        return self.file.read_text()

    @property
    def key(self):
        return self.key_file.read_text()


class Authority:
    """A certificate authority in a folder of its own."""

    def __init__(self, folder, name="kubernetes"):
        self.folder = folder
        self._numbers = itertools.count(1)
        folder.mkdir()
        self.file, self._key = folder / "ca.crt", folder / "ca.key"
        self._configuration = folder / "openssl.conf"
        self._configuration.write_text(CONFIGURATION.format(folder=folder))
        (folder / "index").touch()
        (folder / "serial").write_text("1000\n")
        self._make_key(self._key)
        command("openssl", "req", "-x509", "-new", "-key", self._key, "-subj", f"/CN={name}",
                "-days", "3650", "-out", self.file)

    @property
    def text(self):
        return self.file.read_text()

    @staticmethod
    def _make_key(file):
        command("openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-out", file)

    def server(self, *names, valid=NOW):
        """For these DNS names and addresses."""
        names = ",".join(f"{'IP' if is_address(name) else 'DNS'}:{name}" for name in names)
        return self._sign("/CN=api-server", f"subjectAltName={names}", valid)

    def client(self, user, group=None, valid=NOW):
        return self._sign(f"/CN={user}" + (f"/O={group}" if group else ""),
                          "extendedKeyUsage=clientAuth", valid)

    def _sign(self, subject, extension, valid):
        stem = self.folder / f"signed-{next(self._numbers)}"
        key, request, file = (stem.with_suffix(end) for end in (".key", ".csr", ".crt"))
        self._make_key(key)
        command("openssl", "req", "-new", "-key", key, "-subj", subject, "-addext", extension,
                "-out", request)
        command("openssl", "ca", "-batch", "-notext", "-config", self._configuration,
                "-cert", self.file, "-keyfile", self._key, "-in", request, "-out", file,
                "-startdate", valid[0], "-enddate", valid[1])
        return Certificate(file, key)


def is_address(name):
    return ":" in name or name.replace(".", "").isdigit()
