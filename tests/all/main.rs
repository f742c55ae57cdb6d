//! Every test that needs more than one module: golden scenarios, properties, broken input, end to end.
