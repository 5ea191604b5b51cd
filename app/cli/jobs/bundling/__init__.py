"""The files of a bundle: what each says, what web hosts need to know, and how they are written."""
