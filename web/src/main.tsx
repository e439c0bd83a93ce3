import './portal.css';
import { StrictMode } from 'react';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { ApiError } from './api/client';
import { NotifyProvider } from './app/notify';
import { router } from './app/router';
import { ThemeProvider } from './app/theme';

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 30_000,
      refetchOnWindowFocus: false,
      retry: (failures, err) => failures < 2 && (!(err instanceof ApiError) || err.status === 0 || err.status >= 502),
    },
  },
});

const root = document.getElementById('root');
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ThemeProvider>
        <QueryClientProvider client={queries}>
          <NotifyProvider>
            <RouterProvider router={router} />
          </NotifyProvider>
        </QueryClientProvider>
      </ThemeProvider>
    </StrictMode>,
  );
}
