//! One matter: plan, then drive.
