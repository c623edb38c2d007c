<?php
// PHP's SoapClient: reads the WSDL, and knows nothing of Marketing Cloud.
const PARTNER = 'http://exacttarget.com/wsdl/partnerAPI';
$base = $argv[1];

function token(string $base): string
{
    $form = ['grant_type' => 'client_credentials', 'client_id' => 'sandbox', 'client_secret' => 'sandbox'];
    $options = ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode($form)];
    $reply = file_get_contents("{$base}v2/token", false, stream_context_create(['http' => $options]));
    return json_decode($reply)->access_token;
}

function client(string $base, string $token): SoapClient
{
    $client = new SoapClient("{$base}etframework.wsdl", ['cache_wsdl' => WSDL_CACHE_NONE]);
    $header = new SoapVar("<fueloauth xmlns=\"http://exacttarget.com\">{$token}</fueloauth>", XSD_ANYXML);
    $client->__setSoapHeaders(new SoapHeader('http://exacttarget.com', 'fueloauth', $header));
    return $client;
}

function simple(string $property, string $value): SoapVar
{
    $part = ['Property' => $property, 'SimpleOperator' => 'equals', 'Value' => $value];
    return new SoapVar($part, SOAP_ENC_OBJECT, 'SimpleFilterPart', PARTNER);
}

function keys(SoapClient $api, string $key): array
{
    $parts = [
        'LeftOperand' => simple('SubscriberKey', $key),
        'LogicalOperator' => 'AND',
        'RightOperand' => simple('Status', 'Active'),
    ];
    $filter = new SoapVar($parts, SOAP_ENC_OBJECT, 'ComplexFilterPart', PARTNER);
    $request = ['ObjectType' => 'Subscriber', 'Properties' => ['SubscriberKey'], 'Filter' => $filter];
    $rows = $api->Retrieve(['RetrieveRequest' => $request])->Results ?? [];
    return array_map(fn ($row) => $row->SubscriberKey, is_array($rows) ? $rows : [$rows]);
}

$api = client($base, token($base));
$active = keys($api, 'ada-1001');
$nobody = keys($api, 'nobody');
$parameters = [['Name' => 'SubscriberID', 'Value' => '1001'], ['Name' => 'JobID', 'Value' => '88002']];
$call = ['Requests' => [['Name' => 'LogUnsubEvent', 'Parameters' => $parameters]]];
$unsub = $api->Execute($call)->OverallStatus;
$fault = '';
try {
    client($base, 'made-up')->Execute($call);
} catch (SoapFault $error) {
    $fault = $error->getMessage();
}
echo json_encode(compact('unsub', 'active', 'nobody', 'fault'));
