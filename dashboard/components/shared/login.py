"""Who may see the pages where a `secrets.toml` asks for a login (SECURITY.md).

Streamlit knows its section `[auth]`; `users` in a section `[usable]` is ours. Nothing is shown
where such a file is there and cannot be read: it may ask for a login.
"""

from importlib.util import find_spec
from pathlib import Path

import streamlit as st


def is_welcome() -> bool:
    """Tell whether the visitor may see the pages, and ask for the login where there is one."""
    if (unread := _unread()) is not None:
        st.error(f"Nothing is shown, for {unread}")
        return False
    if "is_logged_in" not in st.user:  # Streamlit says it where there is a section `[auth]`
        return True
    if not st.user.is_logged_in:
        st.title("Usable")
        if find_spec("authlib") is None:
            st.error('The login needs a package that is not installed: pip install "usable[auth]".')
            return False
        st.button("Log in", key="log_in", type="primary", on_click=st.login)
        return False
    if not _is_listed():
        st.error("This account is not among those that may use this dashboard.")
        st.button("Log out", key="log_out", on_click=st.logout)
        return False
    return True


def _unread() -> str | None:
    """Return what is wrong with the files of secrets; None where they are read, or there is none.

    Streamlit stops at a place that may not be looked at, as the home folder of somebody else in a
    container that runs under another user.
    """
    files = st.get_option("secrets.files")
    try:
        if st.secrets.load_if_toml_exists() or not any(Path(path).is_file() for path in files):
            return None
    except OSError as error:
        return (
            f"{error.filename} cannot be read: {error.strerror}. Set HOME to a folder of the user "
            "that runs Usable, or name the file by --secrets.files."
        )
    return f"{next(path for path in files if Path(path).is_file())} cannot be read. Correct it."


def _is_listed() -> bool:
    """Tell whether `users` names the account's verified address, or is left out."""
    users = st.secrets.get("usable", {}).get("users")
    is_verified = st.user.get("email_verified", True) is True
    return users is None or (is_verified and st.user.get("email") in list(users))
