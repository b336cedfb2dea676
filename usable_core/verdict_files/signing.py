"""Signatures by `ssh-keygen -Y`: people have its keys, and there is no cryptography of our own."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from usable_core.errors import ConfigError, first_line
from usable_core.verdict_files.form import SIGNATURE

NAMESPACE = "usable-verdict"  # a signature of something else is none of a verdict
SECONDS = 120  # a person may have to touch a key, or to type its passphrase
NO_PROGRAM = "ssh-keygen is not installed, and signatures are its work. Install OpenSSH."


class NotSigned(Exception):
    """A signature is none of this file by anybody who may sign."""


def sign(path: Path, key: Path) -> Path:
    """Sign a file by a private key of SSH and return the signature beside it.

    Raises:
        ConfigError: the key cannot sign, or there is no ssh-keygen.
    """
    words = ["-Y", "sign", "-f", str(key.absolute()), "-n", NAMESPACE, str(path)]
    done = _asked(words, data=None)
    signature = path.with_name(SIGNATURE)
    if done.returncode or not signature.is_file():
        raise ConfigError(
            f"{key} does not sign: {_said(done)}. Give a private key of SSH, such as "
            "~/.ssh/id_ed25519."
        )
    return signature


def signer_of(path: Path, signers: Path | None) -> str:
    """Return who signed a file, as a phrase.

    Args:
        path: The file; its signature lies beside it.
        signers: File of who may sign (`ALLOWED SIGNERS` in `man ssh-keygen`); None tells by which
            key it is signed, and not whose that is.

    Raises:
        NotSigned: the signature is not of this file, or by nobody who may sign.
        ConfigError: there is no ssh-keygen, or no file of signers.
    """
    signature, data = str(path.with_name(SIGNATURE)), path.read_bytes()
    if signers is None:
        done = _asked(["-Y", "check-novalidate", "-n", NAMESPACE, "-s", signature], data)
        if done.returncode:
            raise NotSigned(_said(done))
        key = done.stdout.decode(errors="replace").strip().rpartition("key ")[2]
        return f"the key {key} (whose it is was not checked: give --signers)"
    if not signers.is_file():
        raise ConfigError(f"There is no file of signers at {signers}. Give another to --signers.")
    who = ["-f", str(signers.absolute()), "-s", signature]
    found = _asked(["-Y", "find-principals", *who], data)
    names = found.stdout.decode(errors="replace").split("\n")[0].strip()
    if found.returncode or not names:
        raise NotSigned(f"its key is none of {signers.name}")
    name = names.split(",")[0]
    done = _asked(["-Y", "verify", "-n", NAMESPACE, "-I", name, *who], data)
    if done.returncode:
        raise NotSigned(_said(done))
    return name


def _asked(words: Sequence[str], data: bytes | None) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["ssh-keygen", *words],
            input=b"" if data is None else data,
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError as error:
        raise ConfigError(NO_PROGRAM) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"ssh-keygen did not answer within {SECONDS} s. Try again.") from error


def _said(done: "subprocess.CompletedProcess[bytes]") -> str:
    text = (done.stderr + b"\n" + done.stdout).decode(errors="replace").strip()
    return first_line(ValueError(text)).rstrip(".")
