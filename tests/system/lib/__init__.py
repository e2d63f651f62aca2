"""What every system test and benchmark stands on: a server, certificates for it, clients of it."""
