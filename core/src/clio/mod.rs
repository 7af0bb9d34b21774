//! Clio's API: build a request, read an answer.
