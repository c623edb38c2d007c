"""The part of the vendor's WSDL that the project relies on: names, types, order and occurrence."""

OPERATIONS = ("Execute", "GetSystemStatus", "Retrieve", "Describe", "Update", "Create")
MESSAGES = (
    "ExecuteRequestMsg", "ExecuteResponseMsg", "SystemStatusRequestMsg", "RetrieveRequestMsg",
    "RetrieveResponseMsg", "DefinitionRequestMsg", "DefinitionResponseMsg", "UpdateRequest",
    "UpdateResponse", "CreateRequest", "CreateResponse",
)  # fmt: skip
# Types whose required elements may be absent in our WSDL.
LENIENT = frozenset(
    {"Result", "CreateResult", "SubscriberResult", "UpdateResponse", "CreateResponse"}
)
# Elements that are text in our WSDL where the vendor has an enumeration.
AS_TEXT = {
    "TrackingEvent": ("EventType",), "List": ("Type", "ListClassification"),
    "ListSubscriber": ("Status",), "DataExtensionField": ("FieldType",),
}  # fmt: skip
ENUMERATIONS = ("SubscriberStatus", "EmailType", "SaveAction")
# Type -> its base type. In the vendor's WSDL there may be types in between.
PARENTS = {
    "UnsubEvent": "TrackingEvent", "TrackingEvent": "APIObject", "List": "APIObject",
    "ListSubscriber": "APIObject", "Subscriber": "APIObject", "SubscriberList": "APIObject",
    "PropertyDefinition": "APIObject", "TriggeredSend": "APIObject",
    "TriggeredSendDefinition": "APIObject", "UpdateOptions": "Options", "CreateOptions": "Options",
    "UpdateResult": "Result", "CreateResult": "Result",
    "TriggeredSendCreateResult": "CreateResult", "SimpleFilterPart": "FilterPart",
    "ObjectExtension": "APIObject", "DataExtensionObject": "ObjectExtension",
    "DataExtensionField": "PropertyDefinition", "DataExtensionUpdateResult": "UpdateResult",
}  # fmt: skip
Element = tuple[str, str, str, str]
# Name, type, minimum and maximum occurrence.
EXPECTED: dict[str, tuple[Element, ...]] = {
    "ExecuteRequest": (
        ("Client", "ClientID", "0", "1"), ("Name", "string", "0", "1"),
        ("Parameters", "APIProperty", "0", "unbounded"),
    ),
    "ClientID": (("ID", "int", "0", "1"),),
    "APIProperty": (("Name", "string", "1", "1"), ("Value", "string", "1", "1")),
    "ExecuteResponse": (
        ("StatusCode", "string", "0", "1"), ("StatusMessage", "string", "0", "1"),
        ("OrdinalID", "int", "0", "1"), ("Results", "APIProperty", "0", "unbounded"),
        ("ErrorCode", "int", "0", "1"),
    ),
    "RetrieveRequest": (
        ("ClientIDs", "ClientID", "0", "unbounded"), ("ObjectType", "string", "1", "1"),
        ("Properties", "string", "0", "unbounded"), ("Filter", "FilterPart", "0", "1"),
        ("ContinueRequest", "string", "0", "1"),
    ),
    "TrackingEvent": (
        ("SendID", "int", "0", "1"), ("SubscriberKey", "string", "0", "1"),
        ("EventDate", "dateTime", "0", "1"),
        ("TriggeredSendDefinitionObjectID", "string", "0", "1"), ("BatchID", "int", "0", "1"),
    ),
    "UnsubEvent": (("List", "List", "0", "1"), ("IsMasterUnsubscribed", "boolean", "0", "1")),
    "List": (
        ("ListName", "string", "0", "1"), ("Category", "int", "0", "1"),
        ("Description", "string", "0", "1"),
    ),
    "ListSubscriber": (
        ("ListID", "int", "0", "1"), ("SubscriberKey", "string", "0", "1"),
    ),
    "APIObject": (
        ("Client", "ClientID", "0", "1"), ("PartnerKey", "string", "0", "1"),
        ("PartnerProperties", "APIProperty", "0", "unbounded"),
        ("CreatedDate", "dateTime", "0", "1"), ("ModifiedDate", "dateTime", "0", "1"),
        ("ID", "int", "0", "1"), ("ObjectID", "string", "0", "1"),
        ("CustomerKey", "string", "0", "1"), ("CorrelationID", "string", "0", "1"),
        ("ObjectState", "string", "0", "1"),
    ),
    "Subscriber": (
        ("EmailAddress", "string", "0", "1"), ("Attributes", "Attribute", "0", "unbounded"),
        ("SubscriberKey", "string", "0", "1"), ("UnsubscribedDate", "dateTime", "0", "1"),
        ("Status", "SubscriberStatus", "0", "1"), ("PartnerType", "string", "0", "1"),
        ("EmailTypePreference", "EmailType", "0", "1"),
        ("Lists", "SubscriberList", "0", "unbounded"),
    ),
    "Attribute": (
        ("Name", "string", "1", "1"), ("Value", "string", "1", "1"),
    ),
    "SubscriberList": (
        ("Status", "SubscriberStatus", "0", "1"), ("List", "List", "0", "1"),
        ("Action", "string", "0", "1"),
    ),
    "ArrayOfObjectDefinitionRequest": (
        ("ObjectDefinitionRequest", "ObjectDefinitionRequest", "0", "unbounded"),
    ),
    "ObjectDefinitionRequest": (
        ("Client", "ClientID", "0", "1"), ("ObjectType", "string", "0", "1"),
    ),
    "ObjectDefinition": (
        ("ObjectType", "string", "0", "1"), ("ExtendedProperties", "", "0", "1"),
        ("ExtendedProperty", "PropertyDefinition", "0", "unbounded"),
    ),
    "PropertyDefinition": (
        ("Name", "string", "0", "1"), ("DataType", "string", "0", "1"),
        ("Label", "string", "0", "1"), ("Description", "string", "0", "1"),
        ("DefaultValue", "string", "0", "1"), ("MaxLength", "int", "0", "1"),
        ("IsRequired", "boolean", "0", "1"), ("IsViewable", "boolean", "0", "1"),
        ("IsEditable", "boolean", "0", "1"), ("IsRestrictedPicklist", "boolean", "0", "1"),
        ("PicklistItems", "", "0", "1"), ("PicklistItem", "PicklistItem", "0", "unbounded"),
        ("DisplayOrder", "int", "0", "1"),
    ),
    "PicklistItem": (
        ("IsDefaultValue", "boolean", "0", "1"), ("Label", "string", "0", "1"),
        ("Value", "string", "0", "1"),
    ),
    "Result": (
        ("StatusCode", "string", "0", "1"), ("StatusMessage", "string", "0", "1"),
        ("OrdinalID", "int", "0", "1"), ("ErrorCode", "int", "0", "1"),
    ),
    "CreateResult": (("NewID", "int", "0", "1"),),
    "ObjectExtension": (
        ("Type", "string", "0", "1"), ("Properties", "", "0", "1"),
        ("Property", "APIProperty", "0", "unbounded"),
    ),
    "DataExtensionObject": (("Keys", "", "0", "1"), ("Key", "APIProperty", "0", "unbounded")),
    "DataExtensionField": (("IsPrimaryKey", "boolean", "0", "1"),),
    "DataExtensionError": (("Name", "string", "0", "1"), ("ErrorMessage", "string", "0", "1")),
    "DataExtensionUpdateResult": (
        ("ErrorMessage", "string", "0", "1"), ("KeyErrors", "", "0", "1"),
        ("KeyError", "DataExtensionError", "0", "unbounded"), ("ValueErrors", "", "0", "1"),
        ("ValueError", "DataExtensionError", "0", "unbounded"),
    ),
    "SaveOption": (("PropertyName", "string", "1", "1"), ("SaveAction", "SaveAction", "1", "1")),
    "Options": (("SaveOptions", "", "0", "1"), ("SaveOption", "SaveOption", "0", "unbounded")),
    "TriggeredSend": (
        ("TriggeredSendDefinition", "TriggeredSendDefinition", "1", "1"),
        ("Subscribers", "Subscriber", "1", "unbounded"),
    ),
    "TriggeredSendCreateResult": (("SubscriberFailures", "SubscriberResult", "0", "unbounded"),),
    "SubscriberResult": (
        ("ErrorCode", "string", "0", "1"), ("ErrorDescription", "string", "0", "1"),
        ("Ordinal", "int", "0", "1"),
    ),
}  # fmt: skip
