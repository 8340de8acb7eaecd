"""The consuming side: FastStream applications that read the relay's own topics."""
