// Encrypts tokens with every algorithm that a JWE can have, and prints them with their keys as one JSON document.
import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { CompactEncrypt, EncryptJWT, SignJWT } from 'jose';

const CONTENT_ENCRYPTIONS = {
  'A128CBC-HS256': 32, 'A192CBC-HS384': 48, 'A256CBC-HS512': 64, A128GCM: 16, A192GCM: 24, A256GCM: 32,
};

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const secrets = Object.fromEntries([16, 24, 32, 48, 64].map((length) => [length, randomBytes(length)]));
const signingSecret = randomBytes(32);

const claims = { iss: 'https://issuer.example', sub: 'nested', amount: 9007199254740991, name: 'Zoë' };

/** The key that encrypts. */
function keyOf(alg, enc) {
  if (alg === 'dir') return secrets[CONTENT_ENCRYPTIONS[enc]];
  if (alg.startsWith('RSA')) return rsa.publicKey;
  if (alg.startsWith('ECDH')) return ec.publicKey;
  if (alg.startsWith('PBES2')) return secrets[32];
  return secrets[Number(alg.slice(1, 4)) / 8];
}

const signed = await new SignJWT(claims)
  .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt' })
  .sign(createSecretKey(signingSecret));

async function encrypt(alg, enc) {
  const key = keyOf(alg, enc);
  const nested = await new CompactEncrypt(new TextEncoder().encode(signed))
    .setProtectedHeader({ alg, enc, cty: 'JWT', typ: 'JWT' })
    .encrypt(key);
  const unsigned = await new EncryptJWT(claims).setProtectedHeader({ alg, enc }).encrypt(key);
  return { alg, enc, nested, unsigned };
}

/** Every pair of the two. */
const pairs = (algs) => algs.flatMap((alg) => Object.keys(CONTENT_ENCRYPTIONS).map((enc) => [alg, enc]));

const known = ['dir', 'A128KW', 'A192KW', 'A256KW', 'RSA-OAEP', 'RSA-OAEP-256'];
const refused = [
  'RSA-OAEP-384', 'RSA-OAEP-512', 'A128GCMKW', 'A192GCMKW', 'A256GCMKW', 'ECDH-ES', 'ECDH-ES+A256KW',
  'PBES2-HS256+A128KW',
];

console.log(JSON.stringify({
  rsa: {
    pkcs8: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    pkcs1: rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }),
  },
  secrets: Object.values(secrets).map((secret) => secret.toString('base64url')),
  signingSecret: signingSecret.toString('base64url'),
  claims,
  signed,
  known: await Promise.all(pairs(known).map((pair) => encrypt(...pair))),
  refused: await Promise.all(pairs(refused).map((pair) => encrypt(...pair))),
}));
