"""What the relay sees of forwarded ports: which connections were opened and closed, and how many bytes they carried.

It reads headers, never what is forwarded, and keeps a bounded list.
"""
