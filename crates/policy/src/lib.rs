//! Action and principals in, evaluation out.
