"""What one hostile caller costs all others: `python -m benchmarks.attack` (make attack).

hostile_callers.py    every kind of hostile caller, bounded in number and time, on loopback
kept_and_foreign.py   those at jobs, results, reviews and other programs' protocols
asking.py             what they are made of
bystander.py          what somebody else meets meanwhile, and what the service takes
outcomes.py           what each came to, kept while the run goes on, as a table
__main__.py           each of them in turn
"""
