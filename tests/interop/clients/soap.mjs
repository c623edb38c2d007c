// npm soap: reads the WSDL, and knows nothing of Marketing Cloud.
import soap from 'soap';

const base = process.argv[2];

const answer = await fetch(`${base}v2/token`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
        grant_type: 'client_credentials',
        client_id: 'sandbox',
        client_secret: 'sandbox',
    }),
});
const { access_token: token } = await answer.json();

async function client(value) {
    const made = await soap.createClientAsync(`${base}etframework.wsdl`);
    made.addSoapHeader(`<fueloauth xmlns="http://exacttarget.com">${value}</fueloauth>`);
    return made;
}

const api = await client(token);
const simple = (property, value) => ({
    attributes: { 'xsi:type': 'tns:SimpleFilterPart' },
    'tns:Property': property,
    'tns:SimpleOperator': 'equals',
    'tns:Value': value,
});

async function keys(key) {
    const [reply] = await api.RetrieveAsync({
        RetrieveRequest: {
            ObjectType: 'Subscriber',
            Properties: ['SubscriberKey'],
            Filter: {
                attributes: {
                    'xsi:type': 'tns:ComplexFilterPart',
                    'xmlns:tns': 'http://exacttarget.com/wsdl/partnerAPI',
                },
                'tns:LeftOperand': simple('SubscriberKey', key),
                'tns:LogicalOperator': 'AND',
                'tns:RightOperand': simple('Status', 'Active'),
            },
        },
    });
    return (reply.Results ?? []).map((row) => row.SubscriberKey);
}

const active = await keys('ada-1001');
const nobody = await keys('nobody');
const [unsub] = await api.ExecuteAsync({
    Requests: [
        {
            Name: 'LogUnsubEvent',
            Parameters: [
                { Name: 'SubscriberID', Value: '1001' },
                { Name: 'JobID', Value: '88002' },
            ],
        },
    ],
});
let fault = '';
try {
    await (await client('made-up')).ExecuteAsync({ Requests: [] });
} catch (error) {
    fault = error.root?.Envelope?.Body?.Fault?.faultstring ?? error.message;
}
console.log(JSON.stringify({ unsub: unsub.OverallStatus, active, nobody, fault }));
