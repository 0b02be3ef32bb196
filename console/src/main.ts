import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import { mount } from 'svelte';
import App from './App.svelte';
import './lib/theme.svelte';

mount(App, { target: document.getElementById('app')! });
