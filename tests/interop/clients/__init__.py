"""Programs that use one client each. Arguments: the sandbox's URL. Each prints JSON:

`unsub`: OverallStatus of a LogUnsubEvent of SubscriberID 1001; `active`: the keys that a Retrieve
finds with SubscriberKey ada-1001 AND Status Active; `nobody`: those with SubscriberKey nobody AND
Status Active; `fault`: the text of the fault that a made-up token gets.
"""
