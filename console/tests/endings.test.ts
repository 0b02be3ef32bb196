import { describe, expect, it } from 'vitest';
import { encryptedEnding, ending, sessionCommand } from '../src/lib/terminal/endings';

describe('why a session ended', () => {
  it('is what the server said, as a sentence', () => {
    expect(ending('The node went away.', true)).toBe('The session was ended: The node went away.');
    expect(ending('', false)).toBe('The shell has ended.');
  });

  it('is, for one that the browser got no data key for, the reason, and the command that may have one', () => {
    expect(encryptedEnding('GenerateDataKey was refused: NotFoundException', sessionCommand('mi-01', '', false))).toBe(
      'This session must be encrypted, and the browser got no data key: ' +
        'GenerateDataKey was refused: NotFoundException. At a command line, use: ferryman shell mi-01',
    );
  });

  it('names the document of a session that is not a plain shell', () => {
    expect(sessionCommand('mi-01', 'Debug', false)).toBe('aws ssm start-session --target mi-01 --document-name Debug');
    expect(sessionCommand('mi-01', 'Debug', true)).toMatch(/ --document-name Debug --parameters …$/);
  });
});
