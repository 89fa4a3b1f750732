"""What was measured, and how: each command writes a page of results/. Nobody imports this package.

accuracy       how right: one engine on ground truth lines, drawn forms
speed          how fast, against what a user would run instead; what people notice; where the time of a page goes
scaling        how throughput grows with replicas, what the cluster costs a page, overload; a cluster on one machine
faults         what the cluster survives while it is broken under load
inputs         files made to do harm, and every route against the contract
harness        what they share: starting a service, loads, timing, memory, results, commands
stubs          engines without a model that behave as they are told
simulated_gpu  the real engines, with a GPU that is only a number
"""
