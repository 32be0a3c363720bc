/** Ends between redemption and report, as a program that is killed does. */

import { text } from 'node:stream/consumers';

import { Client, Proposal } from '../src/index.js';

const change = { operation: 'delete_customer', after: { customer: 'c_42' }, before: { name: 'Ada' } };
const client = new Client({ home: process.argv[2] ?? '' });
await client.execute(Proposal.fromJson(await text(process.stdin)), () => process.exit(9), change);
