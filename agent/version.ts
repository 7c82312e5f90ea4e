/** The agent's version, the same as package.json's; a test holds the two together. */
export const agentVersion = '0.1.0';
