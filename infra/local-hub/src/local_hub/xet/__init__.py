"""The Xet protocol, as far as the client needs it to upload: files are put together at once, and served over HTTP."""
