/** Light or dark: the system's choice, or the person's, which this browser remembers. */

export type ThemeChoice = 'system' | 'light' | 'dark';
const KEY = 'ferryman-theme';
const media = window.matchMedia('(prefers-color-scheme: dark)');

class Theme {
  choice = $state<ThemeChoice>('system');
  isDark = $state(false);

  constructor() {
    const saved = localStorage.getItem(KEY);
    if (saved === 'light' || saved === 'dark') this.choice = saved;
    media.addEventListener('change', () => this.apply());
    this.apply();
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    if (choice === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
    this.apply();
  }

  private apply(): void {
    this.isDark = this.choice === 'system' ? media.matches : this.choice === 'dark';
    document.documentElement.dataset['theme'] = this.isDark ? 'dark' : 'light';
  }
}

export const theme = new Theme();
