"""Plays NCCOs: what each action does to a call, in virtual time and without any I/O."""
