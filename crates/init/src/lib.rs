//! The program that runs as pid 1 of every sandbox, and the messages it speaks.
