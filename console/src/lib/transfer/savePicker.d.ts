/** What Chromium has of the File System Access API and TypeScript's DOM library does not know. */
interface Window {
  showSaveFilePicker?: (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;
}
