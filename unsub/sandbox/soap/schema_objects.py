"""Schema of the objects that the operations read and write."""

from .schema import complex_type, enumeration

_ENUMERATIONS = (
    enumeration("SubscriberStatus", "Active Bounced Held Unsubscribed Deleted"),
    enumeration("EmailType", "Text HTML"),
    enumeration("ListTypeEnum", "Public Private SalesForce GlobalUnsubscribe Master"),
    enumeration("ListClassificationEnum", "ExactTargetList PublicationList SuppressionList"),
    enumeration(
        "EventType",
        """
        Open Click HardBounce SoftBounce OtherBounce Unsubscribe Sent NotSent Survey ForwardedEmail
        ForwardedEmailOptIn DeliveredEvent
        """,
    ),
    enumeration("PropertyType", "string boolean double datetime"),
)
_BASES = (
    complex_type("APIProperty", "Name string \n Value string"),
    complex_type("ClientID", "ID int ?"),
    complex_type(
        "APIObject",
        """
        Client ClientID ?
        PartnerKey string ? nil
        CreatedDate dateTime ?
        ModifiedDate dateTime ? nil
        ID int ?
        ObjectID string ? nil
        CustomerKey string ?
        """,
    ),
    complex_type("Attribute", "Name string \n Value string"),
)
_LISTS = (
    complex_type(
        "List",
        """
        ListName string ?
        Category int ?
        Type ListTypeEnum ?
        Description string ?
        ListClassification ListClassificationEnum ?
        """,
        base="APIObject",
    ),
    complex_type(
        "ListSubscriber",
        "Status SubscriberStatus ? \n ListID int ? \n SubscriberKey string ?",
        base="APIObject",
    ),
    complex_type(
        "SubscriberList",
        "Status SubscriberStatus ? \n List List ? \n Action string ?",
        base="APIObject",
    ),
)
_PEOPLE = (
    complex_type(
        "Subscriber",
        """
        EmailAddress string ?
        Attributes Attribute *
        SubscriberKey string ?
        UnsubscribedDate dateTime ?
        Status SubscriberStatus ?
        PartnerType string ?
        EmailTypePreference EmailType ?
        Lists SubscriberList *
        """,
        base="APIObject",
    ),
    complex_type(
        "TrackingEvent",
        """
        SendID int ?
        SubscriberKey string ?
        EventDate dateTime ?
        EventType EventType ?
        TriggeredSendDefinitionObjectID string ?
        BatchID int ?
        """,
        base="APIObject",
    ),
    complex_type(
        "UnsubEvent",
        "List List ? \n IsMasterUnsubscribed boolean ?",
        base="TrackingEvent",
    ),
)
_SENDS = (
    complex_type(
        "Send",
        """
        NumberSent int ? nil
        NumberDelivered int ? nil
        Unsubscribes int ?
        Subject string ?
        SentDate dateTime ? nil
        EmailName string ?
        """,
        base="APIObject",
    ),
    complex_type("TriggeredSendDefinition", base="APIObject"),
    complex_type(
        "TriggeredSend",
        """
        TriggeredSendDefinition TriggeredSendDefinition
        Subscribers Subscriber +
        Attributes Attribute *
        """,
        base="APIObject",
    ),
)
_DEFINITIONS = (
    complex_type("PicklistItem", "IsDefaultValue boolean ? \n Label string ? \n Value string ?"),
    complex_type(
        "PropertyDefinition",
        """
        Name string ?
        DataType string ?
        PropertyType PropertyType ?
        IsCreatable boolean ?
        IsUpdatable boolean ?
        IsRetrievable boolean ?
        Label string ?
        Description string ?
        DefaultValue string ?
        MinLength int ?
        MaxLength int ?
        IsRequired boolean ?
        IsViewable boolean ?
        IsEditable boolean ?
        IsRestrictedPicklist boolean ?
        PicklistItems {
        PicklistItem PicklistItem *
        }
        DisplayOrder int ?
        """,
        base="APIObject",
    ),
    complex_type(
        "ObjectDefinition",
        """
        ObjectType string ?
        Name string ?
        IsCreatable boolean ?
        IsUpdatable boolean ?
        IsRetrievable boolean ?
        Properties PropertyDefinition *
        ExtendedProperties {
        ExtendedProperty PropertyDefinition *
        }
        """,
    ),
)

_DATA = (
    complex_type(
        "ObjectExtension",
        "Type string ? \n Properties { \n Property APIProperty * \n }",
        base="APIObject",
    ),
    complex_type(
        "DataExtensionObject",
        "Name string ? \n Keys { \n Key APIProperty * \n }",
        base="ObjectExtension",
    ),
    enumeration(
        "DataExtensionFieldType",
        """
        Text Number Date Boolean EmailAddress Phone Decimal Locale Base16Encrypted
        Base16EncryptedEmail
        """,
    ),
    complex_type("DataExtension", "Name string ?", base="APIObject"),
    complex_type(
        "DataExtensionField",
        """
        Ordinal int ?
        IsPrimaryKey boolean ?
        FieldType DataExtensionFieldType ?
        DataExtension DataExtension ?
        """,
        base="PropertyDefinition",
    ),
    complex_type(
        "DataExtensionError", "Name string ? \n ErrorCode integer \n ErrorMessage string ?"
    ),
)

OBJECT_TYPES = "".join((*_ENUMERATIONS, *_BASES, *_LISTS, *_PEOPLE, *_SENDS, *_DEFINITIONS, *_DATA))
