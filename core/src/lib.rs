//! CaseHug to Clio sync, the pure core.
