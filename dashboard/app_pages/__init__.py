"""One file per page; `dashboard/Home.py` lists them."""
