import {
  goOn,
  listBackups,
  loseTable,
  makeSettings,
  type Play,
  proveRows,
  recover,
  startArchiving,
  takeBackup,
} from './steps.ts';

/** The whole story in its order; a new step is a function in steps.ts, or in a file beside it, and a line here. */
export const playAll = async (play: Play): Promise<void> => {
  await makeSettings(play);
  const main = await startArchiving(play);
  await takeBackup(play, main);
  const moment = await goOn(play, main);
  await loseTable(play, main);
  const rescue = await recover(play, moment);
  await proveRows(play, rescue, moment);
  await listBackups(play);
};
