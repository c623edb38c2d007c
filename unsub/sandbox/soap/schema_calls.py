"""Schema of the messages of Retrieve, Describe, Update and Create."""

from .schema import complex_type, element, enumeration

_RETRIEVE = (
    enumeration(
        "SimpleOperators",
        """
        equals notEquals greaterThan lessThan isNull isNotNull greaterThanOrEqual lessThanOrEqual
        between IN like existsInString existsInStringAsAWord notExistsInString beginsWith endsWith
        contains notContains isAnniversary isNotAnniversary greaterThanAnniversary
        lessThanAnniversary
        """,
    ),
    enumeration("LogicalOperators", "OR AND"),
    complex_type("FilterPart"),
    complex_type(
        "SimpleFilterPart",
        """
        Property string
        SimpleOperator SimpleOperators
        Value string *
        DateValue dateTime *
        """,
        base="FilterPart",
    ),
    complex_type(
        "ComplexFilterPart",
        """
        LeftOperand FilterPart
        LogicalOperator LogicalOperators
        RightOperand FilterPart ?
        AdditionalOperands {
        Operand FilterPart *
        }
        """,
        base="FilterPart",
    ),
    complex_type(
        "RetrieveOptions",
        "BatchSize int ? \n IncludeObjects boolean ? \n OnlyIncludeBase boolean ?",
        base="Options",
    ),
    complex_type(
        "RetrieveRequest",
        """
        ClientIDs ClientID *
        ObjectType string
        Properties string *
        Filter FilterPart ?
        ContinueRequest string ?
        QueryAllAccounts boolean ?
        RetrieveAllSinceLastBatch boolean ?
        RepeatLastResult boolean ?
        Options RetrieveOptions ?
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
    enumeration("SaveAction", "AddOnly Default Nothing UpdateAdd UpdateOnly Delete"),
    enumeration("RequestType", "Synchronous Asynchronous"),
    complex_type("SaveOption", "PropertyName string \n SaveAction SaveAction"),
    complex_type(
        "Options",
        """
        Client ClientID ?
        SaveOptions {
        SaveOption SaveOption *
        }
        RequestType RequestType ?
        """,
    ),
    complex_type(
        "Result",
        "StatusCode string \n StatusMessage string \n OrdinalID int ? \n ErrorCode int ?",
    ),
)
# What both results of a row of a data extension have.
_ROW_ERRORS = """
    ErrorMessage string ?
    KeyErrors {
    KeyError DataExtensionError *
    }
    ValueErrors {
    ValueError DataExtensionError *
    }
    """
# In these replies the results come first and the overall status last.
_RESPONSE = "Results {} + \n RequestID string ? \n OverallStatus string"
_UPDATE = (
    complex_type("UpdateOptions", "Action string ?", base="Options"),
    complex_type("UpdateResult", "Object APIObject", base="Result"),
    complex_type("DataExtensionUpdateResult", _ROW_ERRORS, base="UpdateResult"),
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
    complex_type("DataExtensionCreateResult", _ROW_ERRORS, base="CreateResult"),
    element("CreateRequest", "Options CreateOptions \n Objects APIObject +"),
    element("CreateResponse", _RESPONSE.format("CreateResult")),
)

CALL_TYPES = "".join((*_RETRIEVE, *_DESCRIBE, *_WRITING, *_UPDATE, *_CREATE))
