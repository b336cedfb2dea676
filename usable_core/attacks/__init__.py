"""Attacks: lanes of examples, each at its own step and budget; `campaign.run_attack` runs one."""
