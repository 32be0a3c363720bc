"""Holders for the tools of agent frameworks, one module each."""
