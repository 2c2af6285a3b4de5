"""Many projects, or the functions of an account, verified as one: who is in it, who does the work, what comes out."""
