"""Schema of the messages of Retrieve, Describe, Update and Create."""

from .schema import complex_type, element

_RETRIEVE = (
    complex_type("FilterPart"),
    complex_type(
        "SimpleFilterPart",
        "Property string \n SimpleOperator string \n Value string * \n DateValue dateTime *",
        base="FilterPart",
    ),
    complex_type(
        "RetrieveRequest",
        """
        ClientIDs ClientID *
        ObjectType string
        Properties string *
        Filter FilterPart ?
        ContinueRequest string ?
        """,
    ),
    element("RetrieveRequestMsg", "RetrieveRequest RetrieveRequest"),
    element(
        "RetrieveResponseMsg",
        "OverallStatus string \n RequestID string ? \n Results APIObject *",
    ),
)
_DESCRIBE = (
    complex_type("ObjectDefinitionRequest", "Client ClientID ? \n ObjectType string ?"),
    complex_type(
        "ArrayOfObjectDefinitionRequest",
        "ObjectDefinitionRequest ObjectDefinitionRequest * nil",
    ),
    element("DefinitionRequestMsg", "DescribeRequests ArrayOfObjectDefinitionRequest ?"),
    element("DefinitionResponseMsg", "ObjectDefinition ObjectDefinition * \n RequestID string ?"),
)
_WRITING = (
    complex_type("SaveOption", "PropertyName string \n SaveAction string"),
    complex_type(
        "Options",
        """
        Client ClientID ?
        SaveOptions {
        SaveOption SaveOption *
        }
        RequestType string ?
        """,
    ),
    complex_type(
        "Result",
        "StatusCode string \n StatusMessage string \n OrdinalID int ? \n ErrorCode int ?",
    ),
)
# In these replies the results come first and the overall status last.
_RESPONSE = "Results {} + \n RequestID string ? \n OverallStatus string"
_UPDATE = (
    complex_type("UpdateOptions", "Action string ?", base="Options"),
    complex_type("UpdateResult", "Object APIObject", base="Result"),
    element("UpdateRequest", "Options UpdateOptions \n Objects APIObject +"),
    element("UpdateResponse", _RESPONSE.format("UpdateResult")),
)
_CREATE = (
    complex_type("CreateOptions", base="Options"),
    complex_type(
        "CreateResult",
        "NewID int \n NewObjectID string ? \n PartnerKey string ? \n Object APIObject ?",
        base="Result",
    ),
    complex_type(
        "SubscriberResult",
        """
        Subscriber Subscriber
        ErrorCode string
        ErrorDescription string ?
        Ordinal int ?
        """,
    ),
    complex_type(
        "TriggeredSendCreateResult",
        "SubscriberFailures SubscriberResult *",
        base="CreateResult",
    ),
    element("CreateRequest", "Options CreateOptions \n Objects APIObject +"),
    element("CreateResponse", _RESPONSE.format("CreateResult")),
)

CALL_TYPES = "".join((*_RETRIEVE, *_DESCRIBE, *_WRITING, *_UPDATE, *_CREATE))
