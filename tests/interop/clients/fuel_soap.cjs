// npm fuel-soap: asks for Client, ID and ObjectID where it is told no properties.
const FuelSoap = require('fuel-soap');

const base = process.argv[2];

function client(token) {
    return new FuelSoap({
        auth: {
            clientId: 'sandbox',
            clientSecret: 'sandbox',
            authUrl: `${base}v2/token`,
            accessToken: token,
            authOptions: { authVersion: 2, accountId: 510001 },
        },
        soapEndpoint: `${base}Service.asmx`,
    });
}

const call = (who, name, ...args) =>
    new Promise((resolve, reject) => {
        who[name](...args, (error, reply) => (error ? reject(error) : resolve(reply.body)));
    });

async function keys(key) {
    const filter = {
        leftOperand: { leftOperand: 'SubscriberKey', operator: 'equals', rightOperand: key },
        operator: 'AND',
        rightOperand: { leftOperand: 'Status', operator: 'equals', rightOperand: 'Active' },
    };
    const reply = await call(client(), 'retrieve', 'Subscriber', ['SubscriberKey'], { filter });
    return [].concat(reply.Results ?? []).map((row) => row.SubscriberKey);
}

async function main() {
    const active = await keys('ada-1001');
    const nobody = await keys('nobody');
    const lists = await call(client(), 'retrieve', 'List');
    if (!lists.Results.length || !lists.Results[0].Client.ID) {
        throw new Error('The default properties were not served');
    }
    const unsub = await call(client(), 'execute', 'LogUnsubEvent', [
        { Name: 'SubscriberID', Value: '1001' },
        { Name: 'JobID', Value: '88002' },
    ]);
    let fault = '';
    try {
        // Without a retry, which would fetch another token.
        await call(client('made-up'), 'soapRequest', {
            action: 'Describe',
            req: { DefinitionRequestMsg: { $: { xmlns: 'http://exacttarget.com/wsdl/partnerAPI' } } },
            key: 'DefinitionResponseMsg',
        });
    } catch (error) {
        fault = error.faultstring ?? error.message;
    }
    console.log(JSON.stringify({ unsub: unsub.OverallStatus, active, nobody, fault }));
}

main();
