"""What looks after a server: its commands, backup, reports, exports, replay, doctor and go-live."""
