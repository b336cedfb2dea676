"""Reports: results to one file. Empty until the first kind of report is built."""
