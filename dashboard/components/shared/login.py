"""Who may see the pages where a `secrets.toml` asks for a login (SECURITY.md).

Streamlit knows its section `[auth]`; `users` in a section `[usable]` is ours. Nothing is shown
where such a file is there and cannot be read: it may ask for a login.
"""

from pathlib import Path

import streamlit as st


def is_welcome() -> bool:
    """Tell whether the visitor may see the pages, and ask for the login where there is one."""
    files = [path for path in st.get_option("secrets.files") if Path(path).is_file()]
    if files and not st.secrets.load_if_toml_exists():
        st.error(f"Nothing is shown, for {files[0]} cannot be read. Correct it and start anew.")
        return False
    if "is_logged_in" not in st.user:  # Streamlit says it where there is a section `[auth]`
        return True
    if not st.user.is_logged_in:
        st.title("Usable")
        st.button("Log in", key="log_in", type="primary", on_click=st.login)
        return False
    if not _is_listed():
        st.error("This account is not among those that may use this dashboard.")
        st.button("Log out", key="log_out", on_click=st.logout)
        return False
    return True


def _is_listed() -> bool:
    """Tell whether `users` names the account's verified address, or is left out."""
    users = st.secrets.get("usable", {}).get("users")
    is_verified = st.user.get("email_verified", True) is True
    return users is None or (is_verified and st.user.get("email") in list(users))
