"""The deployment that reads the pages of jobs. It is a second front beside the Gateway: it opens documents and asks the
Router as the Gateway does, with the same code, for pages that it leases from deployments/jobs/ instead of for requests.
"""
