/**
 * The rooms and who may import whom. Checked by test/architecture/rooms.test.ts, which also asserts that modules were
 * really read (dependency-cruiser with a TypeScript it cannot use reports no violations over no modules).
 *
 * @type {import('dependency-cruiser').IConfiguration}
 */
const allowed = {
  'lib/core': ['lib/core'],
  'lib/codec': ['lib/core', 'lib/codec'],
  'lib/contract': ['lib/core', 'lib/contract'],
  'lib/aws': ['lib/core', 'lib/contract', 'lib/aws'],
  'lib/local': ['lib/core', 'lib/contract', 'lib/local'],
  'lib/infra': ['lib/core', 'lib/contract', 'lib/infra'],
  lambdas: ['lib/core', 'lib/codec', 'lib/contract', 'lib/aws', 'lib/local', 'lambdas'],
  agent: ['lib/core', 'lib/codec', 'lib/contract', 'lib/aws', 'lib/local', 'agent'],
  bin: ['lib/infra', 'bin'],
};

const roomRules = Object.entries(allowed).map(([room, rooms]) => ({
  name: `${room.replace('/', '-')}-imports`,
  comment: `${room} imports only ${rooms.join(', ')} (docs/architecture.md, "The rooms")`,
  severity: 'error',
  from: { path: `^${room}/` },
  to: { path: '^(lib|agent|lambdas|bin|test)/', pathNot: rooms.map((other) => `^${other}/`) },
}));

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'core-has-no-io',
      comment: 'lib/core decides; packages and node modules other than node:assert belong to adapters',
      severity: 'error',
      from: { path: '^lib/core/' },
      to: {
        dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'core'],
        pathNot: '^(node:)?assert(/strict)?$',
      },
    },
    {
      name: 'programs-hold-no-cdk',
      comment: 'the agent and the Lambdas never carry CDK, not even through a third module',
      severity: 'error',
      from: { path: '^(agent|lambdas)/' },
      to: { path: '(^lib/infra/|node_modules/(aws-cdk-lib|constructs)/)', reachable: true },
    },
    {
      name: 'no-cycles',
      comment: 'a cycle hides who depends on whom',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolved',
      comment: 'an import that cannot be resolved is not checked by any other rule',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'lambdas-apart',
      comment: 'each Lambda is a program of its own',
      severity: 'error',
      from: { path: '^lambdas/([^/]+)/' },
      to: { path: '^lambdas/([^/]+)/', pathNot: '^lambdas/$1/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(node_modules|cdk\\.out|dist)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
};
