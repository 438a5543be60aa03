// A real OpenID provider on 127.0.0.1 that gives out access tokens by client credentials.
//
// Each client is named after the algorithm that its tokens are signed with, so a test chooses one by logging in as it.
// POST /__rotate puts new keys before those that are there; POST /__rotate?drop leaves only new ones.
// It prints one line, `issuer <url>`, when it can be asked, and ends when its standard input does.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { exportJWK } from 'jose';
import Provider from 'oidc-provider';

const ALGORITHMS = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
];
const CLIENT_SECRET = 'a-secret-that-only-these-tests-know';
const SCOPES = ['orders:read', 'orders:write'];

// A provider that starts again is told where it was, and how many generations of keys there were.
const [port, before] = process.argv.slice(2).map(Number);
let generation = before;

/** One key of each kind. They carry no `alg`, so that one RSA key serves six algorithms, as with Entra. */
async function newKeys() {
  generation += 1;
  const kinds = [
    ['rsa', 'rsa', { modulusLength: 2048 }],
    ['p256', 'ec', { namedCurve: 'P-256' }],
    ['p384', 'ec', { namedCurve: 'P-384' }],
    ['p521', 'ec', { namedCurve: 'P-521' }],
    ['ed25519', 'ed25519', {}],
  ];
  return Promise.all(kinds.map(async ([name, type, options]) => ({
    ...await exportJWK(generateKeyPairSync(type, options).privateKey),
    kid: `${name}-${generation}`,
    use: 'sig',
  })));
}

function buildHandler(issuer, keys) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    scopes: SCOPES,
    clients: ALGORITHMS.map((algorithm) => ({
      client_id: algorithm,
      client_secret: CLIENT_SECRET,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      scope: SCOPES.join(' '),
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => ({
          scope: SCOPES.join(' '),
          audience: resource,
          accessTokenTTL: 300,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: client.clientId } },
        }),
      },
    },
  });
  return provider.callback();
}

let keys = await newKeys();
let handler;

const server = createServer(async (request, response) => {
  const url = new URL(request.url, issuer);
  if (request.method === 'POST' && url.pathname === '/__rotate') {
    keys = url.searchParams.has('drop') ? await newKeys() : [...await newKeys(), ...keys];
    handler = buildHandler(issuer, keys);
    response.end(JSON.stringify({ generation }));
    return;
  }
  handler(request, response);
});

await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
const issuer = `http://127.0.0.1:${server.address().port}`;
handler = buildHandler(issuer, keys);
console.log(`issuer ${issuer}`);

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
