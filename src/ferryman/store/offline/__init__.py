"""A database's file, read without changing it: for checks and backups, before a server uses it or beside one."""
