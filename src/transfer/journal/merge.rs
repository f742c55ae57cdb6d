//! A journal and a master file that was edited meanwhile.
