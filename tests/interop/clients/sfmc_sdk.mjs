// npm sfmc-sdk: writes SOAP 1.1 with the Body before the Header.
import SDK from 'sfmc-sdk';

const base = process.argv[2];

function sdk() {
    const found = new SDK(
        {
            client_id: 'sandbox',
            client_secret: 'sandbox',
            account_id: 510001,
            // It accepts addresses of this shape only; the sandbox's is set afterwards.
            auth_url: `https://${'x'.repeat(28)}.auth.marketingcloudapis.com/`,
            scope: ['list_and_subscribers_read', 'list_and_subscribers_write'],
        },
        { requestAttempts: 1, retryOnConnectionError: false },
    );
    found.auth.authObject.auth_url = base;
    return found;
}

const client = sdk();

async function keys(key) {
    const filter = {
        leftOperand: { leftOperand: 'SubscriberKey', operator: 'equals', rightOperand: key },
        operator: 'AND',
        rightOperand: { leftOperand: 'Status', operator: 'equals', rightOperand: 'Active' },
    };
    const options = { filter, options: { BatchSize: 10 } };
    const reply = await client.soap.retrieve('Subscriber', ['SubscriberKey'], options);
    return (reply.Results ?? []).map((row) => row.SubscriberKey);
}

const active = await keys('ada-1001');
const nobody = await keys('nobody');
const unsub = await client.soap.execute('LogUnsubEvent', [
    { Name: 'SubscriberID', Value: '1001' },
    { Name: 'JobID', Value: '88002' },
]);
const wrong = sdk();
wrong.auth.authObject.access_token = 'made-up';
wrong.auth.authObject.soap_instance_url = base;
let fault = '';
try {
    await wrong.soap.describe('Subscriber');
} catch (error) {
    fault = error.message;
}
console.log(JSON.stringify({ unsub: unsub.OverallStatus, active, nobody, fault }));
